package labour

import (
	"fmt"
	"time"
)

// hoursOf reads FROM-TO.
func hoursOf(text string) (from, to int, err error) {
	n, err := fmt.Sscanf(text, "%d-%d", &from, &to)
	if err == nil && (n != 2 || text != fmt.Sprintf("%d-%d", from, to) || from < 0 || from > 23 || to < 0 || to > 23 || from == to) {
		err = fmt.Errorf("%q is no part of the day", text)
	}
	return from, to, err
}

func validHours(text string) bool {
	_, _, err := hoursOf(text)
	return err == nil
}

// at reports whether units are done at t, by the hour that a clock shows there: one that is
// left out when clocks are put forward is none, and one that comes twice counts both times.
func (w *Wish) at(t time.Time) bool {
	hour := t.Hour()
	from, to, err := hoursOf(w.Hours)
	switch {
	case err != nil: // none are said
		return true
	case from < to:
		return from <= hour && hour < to
	}
	return hour >= from || hour < to
}
