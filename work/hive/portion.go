package hive

// portion is how many tasks of p the bee may have at most: half as many as there are for each
// who is here, or all that it runs at once and one that waits. So the last units go out in
// ever smaller parts, and no bee has much to do while others have nothing.
func (o *handout) portion(p *project) int {
	few := max(1, int(o.wish.Parallel)) + 1
	return max(few, o.left(p)/(2*max(1, len(o.members))))
}

// left is how many units of p want a bee.
func (o *handout) left(p *project) int {
	return len(p.needy) - len(p.open) + int(p.row.Made-p.row.Ended[0]-p.row.Ended[1]-p.row.Ended[2])
}
