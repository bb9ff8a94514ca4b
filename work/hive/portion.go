package hive

// fewTasks is what a bee gets at one time at least, if it wants that many and they
// are there.
const fewTasks = 8

// portion is how many tasks of p a bee gets at one time at most: half as many as
// there are for each who is here. So the last units go out in ever smaller parts, and
// no bee has much to do while others have nothing.
func (o *handout) portion(p *project) int {
	left := len(p.needy) - len(p.open) + int(p.row.Made-p.row.Ended[0]-p.row.Ended[1]-p.row.Ended[2])
	return max(fewTasks, left/(2*max(1, len(o.members))))
}
