package folder

// noFollow has no counterpart here; what is no file is found when it is open.
const noFollow = 0
