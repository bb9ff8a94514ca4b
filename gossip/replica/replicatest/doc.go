// Package replicatest holds every [replica.Model] to what package replica asks of
// one, those that others write, too; and helps tests to connect replicas in memory.
//
//	func TestHighest(t *testing.T) {
//		replicatest.Run(t, replicatest.Kit{
//			New:    func() replica.Model { return new(Highest) },
//			Change: func(t *rapid.T, _ replica.Model) []byte { return encode(rapid.Int().Draw(t, "number")) },
//			View:   func(m replica.Model) any { return m.(*Highest).Get() },
//		})
//	}
package replicatest
