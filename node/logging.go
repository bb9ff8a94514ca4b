package node

import (
	"context"
	"log/slog"

	golog "github.com/ipfs/go-log/v2"
	"github.com/libp2p/go-libp2p/gologshim"
	"go.uber.org/zap/zapcore"
)

// InstallLogging sends what libp2p and kad-dht log to the handler, with the
// name of their part as the attribute "logger". They warn of every peer that
// goes away, so below debug only their errors pass. It acts on the whole
// process and is for the program's start, before anything was logged.
func InstallLogging(h slog.Handler) {
	theirs := quieter{h}
	gologshim.SetDefaultHandler(theirs)
	golog.SetPrimaryCore(&zapToSlog{theirs})
	golog.SetAllLoggers(golog.LevelDebug) // the handler decides
}

// quieter lets errors pass, and the rest only where debugging is on.
type quieter struct{ slog.Handler }

func (q quieter) Enabled(ctx context.Context, level slog.Level) bool {
	return q.Handler.Enabled(ctx, level) && (level >= slog.LevelError || q.Handler.Enabled(ctx, slog.LevelDebug))
}

func (q quieter) WithAttrs(attrs []slog.Attr) slog.Handler {
	return quieter{q.Handler.WithAttrs(attrs)}
}

func (q quieter) WithGroup(name string) slog.Handler { return quieter{q.Handler.WithGroup(name)} }

// zapToSlog is a zap core that hands everything to a slog handler.
type zapToSlog struct{ handler slog.Handler }

// Enabled implements [zapcore.LevelEnabler].
func (z *zapToSlog) Enabled(level zapcore.Level) bool {
	return z.handler.Enabled(context.Background(), slogLevel(level))
}

// With implements [zapcore.Core].
func (z *zapToSlog) With(fields []zapcore.Field) zapcore.Core {
	return &zapToSlog{z.handler.WithAttrs(slogAttrs(fields))}
}

// Check implements [zapcore.Core].
func (z *zapToSlog) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if z.Enabled(e.Level) {
		return ce.AddCore(e, z)
	}
	return ce
}

// Write implements [zapcore.Core].
func (z *zapToSlog) Write(e zapcore.Entry, fields []zapcore.Field) error {
	r := slog.NewRecord(e.Time, slogLevel(e.Level), e.Message, 0)
	if e.LoggerName != "" {
		r.AddAttrs(slog.String("logger", e.LoggerName))
	}
	r.AddAttrs(slogAttrs(fields)...)
	return z.handler.Handle(context.Background(), r)
}

// Sync implements [zapcore.Core]; a handler keeps nothing back.
func (z *zapToSlog) Sync() error { return nil }

// slogLevel maps zap's levels, which lie one apart, to slog's, four apart.
// What would end the process in zap is an error to us.
func slogLevel(level zapcore.Level) slog.Level {
	return min(slog.Level(4*int(level)), slog.LevelError)
}

func slogAttrs(fields []zapcore.Field) []slog.Attr {
	enc := zapcore.NewMapObjectEncoder()
	attrs := make([]slog.Attr, 0, len(fields))
	for _, f := range fields {
		f.AddTo(enc)
		attrs = append(attrs, slog.Any(f.Key, enc.Fields[f.Key]))
	}
	return attrs
}
