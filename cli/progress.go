package cli

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/batchain/batchain/node/control"
)

// meter shows how far some work is. Both methods may be called from anywhere;
// close may be called twice, and nothing is shown after it.
type meter interface {
	update(control.Progress)
	close()
}

// meter returns the one that fits where stderr leads and what was asked for.
func (s *session) meter(name string) meter {
	switch {
	case s.out.json:
		return &jsonMeter{out: s.out}
	case s.out.quiet:
		return silent{}
	case isTerminal(s.Err):
		return &barMeter{w: s.Err, name: printable(name)}
	}
	return &lineMeter{w: s.Err, name: printable(name), began: time.Now(), last: time.Now()}
}

type silent struct{}

func (silent) update(control.Progress) {}
func (silent) close()                  {}

// jsonMeter passes every change on, and what does not change once a second.
type jsonMeter struct {
	out    *output
	mu     sync.Mutex
	last   control.Progress
	at     time.Time
	closed bool
}

func (m *jsonMeter) update(p control.Progress) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || p == m.last && time.Since(m.at) < 900*time.Millisecond {
		return
	}
	m.last, m.at = p, time.Now()
	m.out.line("progress", p)
}

func (m *jsonMeter) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
}

// lineMeter writes a line every ten seconds, and every note once: it is for
// logs.
type lineMeter struct {
	w      io.Writer
	name   string
	mu     sync.Mutex
	began  time.Time
	last   time.Time
	note   string // told already
	closed bool
}

const lineEvery = 10 * time.Second

func (m *lineMeter) update(p control.Progress) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if m.closed {
		return
	}
	if p.Note != "" && p.Note != m.note {
		m.note = p.Note
		fmt.Fprintf(m.w, "%s  %s\n", m.name, printable(p.Note))
	}
	if now.Sub(m.last) < lineEvery {
		return
	}
	m.last = now
	fmt.Fprintln(m.w, progressText(m.name, p, now.Sub(m.began)))
}

func (m *lineMeter) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
}

// progressText is one line of progress after so long.
func progressText(name string, p control.Progress, since time.Duration) string {
	text := fmt.Sprintf("%s  %s  %s", name, p.Phase, humanize.IBytes(uint64(max(p.Done, 0))))
	if p.Total > 0 {
		text += fmt.Sprintf(" of %s  %d %%", humanize.IBytes(uint64(p.Total)), p.Done*100/p.Total)
	}
	if p.Done > 0 && since > 0 {
		rate := float64(p.Done) / since.Seconds()
		text += fmt.Sprintf("  %s/s", humanize.IBytes(uint64(rate)))
		if p.Total > p.Done {
			left := time.Duration(float64(p.Total-p.Done) / rate * float64(time.Second))
			text += fmt.Sprintf("  ETA %s", left.Round(time.Second))
		}
	}
	return text
}

// barMeter draws a bar on a terminal, from the first progress on, and every
// note once above it.
type barMeter struct {
	w      io.Writer
	name   string
	mu     sync.Mutex
	bars   *mpb.Progress
	bar    *mpb.Bar
	state  atomic.Pointer[control.Progress] // read by the bar while update holds mu
	at     time.Time
	note   string // told already
	closed bool
}

func (m *barMeter) update(p control.Progress) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return
	}
	m.state.Store(&p)
	if m.bar == nil {
		m.begin()
	}
	if p.Total > 0 {
		m.bar.SetTotal(p.Total, false)
	}
	now := time.Now()
	if p.Note != "" && p.Note != m.note {
		m.note = p.Note
		fmt.Fprintf(m.bars, "%s  %s\n", m.name, printable(p.Note))
	}
	m.bar.EwmaSetCurrent(p.Done, now.Sub(m.at))
	m.at = now
}

func (m *barMeter) begin() {
	m.at = time.Now()
	m.bars = mpb.New(mpb.WithOutput(m.w), mpb.WithWidth(80), mpb.WithRefreshRate(200*time.Millisecond), mpb.WithAutoRefresh())
	m.bar = m.bars.AddBar(0,
		mpb.PrependDecorators(
			decor.Name(m.name+"  "),
			decor.Any(func(decor.Statistics) string { return m.phase() }, decor.WCSyncSpaceR),
		),
		mpb.AppendDecorators(
			decor.Percentage(decor.WC{W: 5}),
			decor.EwmaSpeed(decor.SizeB1024(0), "  % .1f", 30),
			decor.EwmaETA(decor.ET_STYLE_GO, 30, decor.WC{W: 8}),
		),
		mpb.BarRemoveOnComplete(),
	)
}

func (m *barMeter) phase() string { return m.state.Load().Phase }

// close takes the bar away: what comes next is the result.
func (m *barMeter) close() {
	m.mu.Lock()
	bar, bars := m.bar, m.bars
	m.closed, m.bar = true, nil
	m.mu.Unlock()
	if bar != nil {
		bar.Abort(true)
		bars.Wait()
	}
}
