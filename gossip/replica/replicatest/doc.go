// Package replicatest holds every [replica.Model] to what package replica asks of
// one, those that others write, too; and helps tests to connect replicas in memory.
package replicatest
