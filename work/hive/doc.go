// Package hive makes units of work and keeps what comes of them.
package hive
