package participant

import "golang.org/x/sync/errgroup"

// workers are the worker processes of a system.
type workers []*process

// startRoles starts n processes of this program in a role, all at once.
func (w *workers) startRoles(n int, role string, config any, env ...string) error {
	started := make([]*process, n)
	var group errgroup.Group
	for i := range started {
		group.Go(func() (err error) {
			started[i], err = startRole(role, config, env...)
			return err
		})
	}
	err := group.Wait()
	for _, p := range started {
		if p != nil {
			*w = append(*w, p)
		}
	}
	return err
}

// kill ends n of them by SIGKILL.
func (w *workers) kill(n int) {
	for _, p := range (*w)[:min(n, len(*w))] {
		p.kill()
	}
	*w = (*w)[min(n, len(*w)):]
}

// stop ends all of them.
func (w *workers) stop(end func(*process)) {
	var group errgroup.Group
	for _, p := range *w {
		group.Go(func() error { end(p); return nil })
	}
	_ = group.Wait() // none fails
	*w = nil
}
