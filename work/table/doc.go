// Package table is the store of a project that is fed from, and written to, a
// table of a database: rows are units, and each gets what came of its unit. See package
// work/feed for what keeps it in step with a hive, and how nothing is lost or done twice.
//
// # Table
//
// The names are those of [Columns]; these are the defaults. [Config.Schema]
// returns the statement that makes it.
//
//	id        primary key     the unit's key: a number or a text of at most 128 bytes. Never used again
//	input     text            JSON, at most 256 KiB: what the program gets
//	priority  integer         0 to 9, higher ones first; left out unless it is named
//	state     text            NULL: new · claimed · done · failed · cancelled
//	output    text            of what is done: what the program made
//	reason    text            of what failed or was cancelled: why
//	owner     text            who claimed the row
//	seq       bigint          number of the datachunk
//
// Who fills the table writes id, input and priority, and leaves the rest NULL; who reads
// results looks for done, failed and cancelled. To have a failed row done
// again, insert it anew, under another id. Input may also be json, jsonb or
// bytea, output too; on SQLite blob. Columns besides are left alone.
//
// Beside it stands the table batchain_cursors, made when it is missing:
//
//	owner     primary key     as above
//	next      bigint          number of the datachunk that is written next
//
// # Claims
//
// A row is claimed in a transaction: on PostgreSQL it is locked by FOR UPDATE
// SKIP LOCKED, so that hives that share a table pass over each other's rows; on
// SQLite, which has one writer, by BEGIN IMMEDIATE. The owner is a name that a
// hive has for ever and no other one has. What a hive had claimed that is gone for
// good is set free by hand: UPDATE … SET state = NULL, owner = NULL WHERE state
// = 'claimed' AND owner = ….
//
// Datachunks are written in transactions that move the cursor, too. When the
// answer to a commit is lost, the cursor tells whether it happened.
//
// # Bad rows
//
// A row that cannot be a unit (an input that is NULL, too long or no JSON; an id
// that is too long, or on SQLite neither number nor text) is failed, and says why, in the
// transaction that would have claimed it. Values are measured before they
// are fetched. A row that cannot even be updated, by a constraint or a trigger, is told
// in the log and passed over until the next start. When the database refuses an
// output (a text with a zero byte, no JSON), the row is failed with what it
// said; the output stays in the hive.
//
// # Databases
//
// PostgreSQL 9.5 and later, by pgx; an address as libpq knows them, and its
// environment (PGPASSWORD and the like) and password file hold. SQLite 3 by modernc.org/sqlite, in
// this process: the file must exist, on a local disk, and its journal mode stays what it is.
// Names are quoted, whatever is in them.
//
// # What is not promised
//
// The rows that others change while they are claimed: a unit is what the row was. Constraints
// that are checked at the end of a transaction, and object, hold up everything. A view
// is no table here, nor is a table of SQLite WITHOUT ROWID.
package table
