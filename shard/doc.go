package shard
