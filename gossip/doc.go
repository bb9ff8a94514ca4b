// Package gossip tells every member of a mesh who lives and what each says of
// itself. Draft of the whole text follows with the numbers.
package gossip
