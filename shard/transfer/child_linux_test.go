package transfer

// childPart names, in the environment, the part that a process started by a
// test is to play.
const childPart = "TRANSFER_TEST_PART"

func child(part string) int {
	switch part {
	case "put":
		return childPut()
	case "get":
		return childGet()
	case "repair":
		return childRepair()
	case "memory":
		return childMemory()
	}
	return 2
}
