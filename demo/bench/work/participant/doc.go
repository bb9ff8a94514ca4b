// Package participant holds the systems that are compared, one file each, behind
// one small interface, and the table of them.
//
// The owner of the work is the process that runs the comparison. What keeps the
// queue is a process of its own for every system, and so is each worker; all
// speak over loopback, and what they keep is in a folder of their own. Where
// a system has no program for a worker or a queue, this program is started again
// for it: whoever links this package calls [BeChild] first of all.
package participant
