package labour

import (
	"testing"

	"github.com/batchain/batchain/node/control"
)

// An owner's hours: none are all, and they may go over midnight.
func TestHours(t *testing.T) {
	for text, want := range map[string][24]bool{
		"":     {true, true, true, true, true, true, true, true, true, true, true, true, true, true, true, true, true, true, true, true, true, true, true, true},
		"1-3":  {1: true, 2: true},
		"22-1": {0: true, 22: true, 23: true},
		"23-0": {23: true},
		"0-1":  {0: true},
	} {
		w, err := wishOf(control.VolunteerRequest{Hours: text})
		if err != nil {
			t.Fatal(err)
		}
		l := &Labour{}
		for hour, now := range want {
			if w.now(hour) != now {
				t.Errorf("%q at %d: %v", text, hour, !now)
			}
		}
		if l.wish = w; l.volunteering().Hours != text {
			t.Errorf("%q is told as %q", text, l.volunteering().Hours)
		}
	}
	for _, text := range []string{"7", "7-", "-7", "7-7", "24-1", "1-24", "-1-5", "1-5 ", "01-5", "7:00-8:00"} {
		if _, err := wishOf(control.VolunteerRequest{Hours: text}); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}
