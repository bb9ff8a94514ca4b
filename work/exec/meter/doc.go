// Package meter rewrites WebAssembly modules so that they count what they do,
// and stop when they have done enough.
//
// # Fuel
//
// Fuel is what a module uses up:
//
//	1                     each instruction that is executed, but for block, loop, else, end and nop
//	500 more              a call of an imported function
//	1 more for 8 bytes    memory.copy, memory.fill, memory.init
//	1 more an element     table.copy, table.fill, table.init, table.grow
//
// It depends on nothing but the module and what it reads, so it is the same on
// all machines. When a module stops by itself the count is exact. It is stopped
// when the count is above its fuel at the head of a loop or at the beginning of
// a function that calls others; so it may do a little more than it has fuel for,
// and then what is left is negative. Whoever runs it looks: below 0 it failed.
//
// # Rewriting
//
// A segment is a run of instructions that are all executed when the first one
// is. At its beginning its length is taken from the fuel that is left. That is
// an exported global, [FuelGlobal]; a function of more than one segment has it
// in a local while it runs, and brings it to the global before a call and at
// its end:
//
//	(func (param i32)                     (func (param i32) (local i64 i32)
//	                                        global.get $fuel   local.set 1
//	                                        block
//	                                          local.get 1   i64.const 2   i64.sub   local.set 1
//	                                          local.get 1   i64.const 0   i64.lt_s   if … unreachable end
//	  i32.const 7   call $f                   i32.const 7   local.get 1   global.set $fuel   call $f   global.get $fuel   local.set 1
//	  loop                                    loop
//	                                            local.get 1   i64.const 5   i64.sub   local.set 1
//	                                            local.get 1   i64.const 0   i64.lt_s   if … unreachable end
//	    …   br_if 0                             …   br_if 0
//	  end                                     end
//	                                        end
//	                                        local.get 1   global.set $fuel
//	)                                     )
//
// return becomes a branch to the end of that block. Indices do not change: what
// is added comes last. A start function is exported as [StartFunction] instead,
// since there is no fuel yet when an instance is made. Custom sections but
// "name" are dropped: what they say of the code is no longer true.
//
// # Trust
//
// What is rewritten may be hostile. Rewrite reads every instruction and refuses
// those it does not know, and indices that the module does not have, so that it
// cannot get at what is added. It does not check types; whoever compiles the
// result does.
//
// Only WebAssembly 2.0 is known: no threads, tail calls, exceptions or garbage
// collection.
package meter
