package node

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"go.uber.org/zap"
)

func TestZapEndsInSlog(t *testing.T) {
	for _, c := range []struct {
		level slog.Level
		want  []string
		not   []string
	}{
		{slog.LevelInfo, []string{"level=ERROR msg=bad peer=x logger=dht count=3"}, []string{"odd", "fine"}},
		{slog.LevelDebug, []string{"level=ERROR msg=bad", "level=WARN msg=odd", "level=DEBUG msg=fine"}, nil},
	} {
		var out bytes.Buffer
		h := slog.NewTextHandler(&out, &slog.HandlerOptions{Level: c.level})
		log := zap.New(&zapToSlog{quieter{h}}).Named("dht").With(zap.String("peer", "x"))
		log.Error("bad", zap.Int("count", 3))
		log.Warn("odd")
		log.Debug("fine")
		text := out.String()
		for _, want := range c.want {
			if !strings.Contains(text, want) {
				t.Errorf("at %s: no %q in\n%s", c.level, want, text)
			}
		}
		for _, not := range c.not {
			if strings.Contains(text, not) {
				t.Errorf("at %s: %q in\n%s", c.level, not, text)
			}
		}
	}
}
