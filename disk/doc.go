// Package disk asks of a file system what package os does not offer: files that
// appear whole or not at all, names that survive a power cut, and room.
//
// # Whole files
//
//	.NAME.DIGITS, 0600 → write → fsync → rename to NAME → fsync of the folder
//
// A crash or a power cut at any point leaves what was there before or the whole
// new file, and besides it at most the file .NAME.DIGITS in the same folder, which
// nobody takes for NAME. [Sweep] removes it; it reads the whole folder for that, so
// it is not part of every write. Of a name of more than 240 bytes the first 240
// stand there.
//
// [WriteFile] and [Write] do all of it. [Temp] and [Place] are its two halves, for
// who looks at the file before it has its name, or learns the name from what is in
// it.
//
// # Not promised
//
// Nobody is kept from writing the same name at the same time: one of the files
// stays, whole. A file system or a drive that lies about fsync is believed. On
// Windows the names are as durable as the journal of NTFS makes them.
package disk
