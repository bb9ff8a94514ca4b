package guesttest

import (
	mt "github.com/batchain/batchain/work/exec/meter/metertest"
)

// Square returns a module whose result is the square of its input.
func Square() []byte {
	return guest(mt.Code(
		mt.LocalGet, uint32(0), mt.LocalGet, uint32(0), mt.I64Mul, mt.LocalSet, uint32(0), sayNumber(0, 1, 2),
	), mt.I32, mt.I32)
}

// Terms is how many terms of the series a unit of [Leibniz] sums up, and Scale
// by what its result has to be divided.
const (
	Terms = 200_000
	Scale = 1e15
)

// Leibniz returns a module that sums up the terms n·Terms to (n+1)·Terms−1 of
// 4/1 − 4/3 + 4/5 − …, whose sum is pi: each cut to a whole number of 1/Scale.
func Leibniz() []byte {
	const n, at, minus, k, end, sum, term = uint32(0), uint32(1), uint32(2), uint32(3), uint32(4), uint32(5), uint32(6)
	return guest(mt.Code(
		mt.LocalGet, n, mt.I64Const, Terms, mt.I64Mul, mt.LocalTee, k, mt.I64Const, Terms, mt.I64Add, mt.LocalSet, end,
		mt.Loop, mt.Void,
		mt.I64Const, int64(4*Scale), mt.LocalGet, k, mt.I64Const, 2, mt.I64Mul, mt.I64Const, 1, mt.I64Add, i64DivU, mt.LocalSet, term,
		mt.LocalGet, k, mt.I64Const, 1, i64And, i32WrapI64, mt.If, mt.Void,
		mt.I64Const, 0, mt.LocalGet, term, mt.I64Sub, mt.LocalSet, term,
		mt.End,
		mt.LocalGet, sum, mt.LocalGet, term, mt.I64Add, mt.LocalSet, sum,
		mt.LocalGet, k, mt.I64Const, 1, mt.I64Add, mt.LocalTee, k, mt.LocalGet, end, i64LtS, mt.BrIf, byte(0),
		mt.End,
		sayNumber(sum, at, minus),
	), mt.I32, mt.I32, mt.I64, mt.I64, mt.I64, mt.I64)
}

// The picture of [Mandelbrot], in pixels.
const (
	Width  = 320
	Height = 240
)

// The part of the plane that it shows.
const (
	left, right = -2.2, 1.0
	top, bottom = -1.2, 1.2
)

// Mandelbrot returns a module whose result is row n of a picture of the
// Mandelbrot set: a text with two hexadecimal digits a pixel, how many steps it
// takes to leave the circle of radius 2; 255 for those that stay.
func Mandelbrot() []byte {
	const n, x, out, steps, re, im, a, b, t = uint32(0), uint32(1), uint32(2), uint32(3), uint32(4), uint32(5), uint32(6), uint32(7), uint32(8)
	digit := func(value []byte) []byte { // '0'+v, and 39 more from 10 on: 'a'…
		return mt.Code(mt.LocalGet, out, value, mt.I32Const, int('0'), mt.I32Add,
			value, mt.I32Const, 9, i32GtU, mt.I32Const, int('a'-'0'-10), mt.I32Mul, mt.I32Add, i32Store8, byte(0), byte(0),
			mt.LocalGet, out, mt.I32Const, 1, mt.I32Add, mt.LocalSet, out)
	}
	return guest(mt.Code(
		mt.LocalGet, n, f64FromI64, mt.F64Const, float((bottom-top)/Height), mt.F64Mul, mt.F64Const, float(top), mt.F64Add, mt.LocalSet, im,
		mt.I32Const, output, mt.I32Const, int('"'), i32Store8, byte(0), byte(0), mt.I32Const, output+1, mt.LocalSet, out,
		mt.Loop, mt.Void,
		mt.LocalGet, x, f64FromI32, mt.F64Const, float((right-left)/Width), mt.F64Mul, mt.F64Const, float(left), mt.F64Add, mt.LocalSet, re,
		mt.F64Const, float(0), mt.LocalTee, a, mt.LocalSet, b, mt.I32Const, 0, mt.LocalSet, steps,
		mt.Block, mt.Void, mt.Loop, mt.Void, // a + bi is squared, and re + im·i added
		mt.LocalGet, a, mt.LocalGet, a, mt.F64Mul, mt.LocalGet, b, mt.LocalGet, b, mt.F64Mul, mt.F64Add, mt.F64Const, float(4), f64Gt, mt.BrIf, byte(1),
		mt.LocalGet, a, mt.LocalGet, a, mt.F64Mul, mt.LocalGet, b, mt.LocalGet, b, mt.F64Mul, mt.F64Sub, mt.LocalGet, re, mt.F64Add, mt.LocalSet, t,
		mt.LocalGet, a, mt.LocalGet, b, mt.F64Mul, mt.F64Const, float(2), mt.F64Mul, mt.LocalGet, im, mt.F64Add, mt.LocalSet, b,
		mt.LocalGet, t, mt.LocalSet, a,
		mt.LocalGet, steps, mt.I32Const, 1, mt.I32Add, mt.LocalTee, steps, mt.I32Const, 255, mt.I32LtU, mt.BrIf, byte(0),
		mt.End, mt.End,
		digit(mt.Code(mt.LocalGet, steps, mt.I32Const, 4, mt.I32ShrU)), digit(mt.Code(mt.LocalGet, steps, mt.I32Const, 15, mt.I32And)),
		mt.LocalGet, x, mt.I32Const, 1, mt.I32Add, mt.LocalTee, x, mt.I32Const, Width, mt.I32LtU, mt.BrIf, byte(0),
		mt.End,
		mt.LocalGet, out, mt.I32Const, int('"'), i32Store8, byte(0), byte(0),
		say(output, 2+2*Width),
	), mt.I32, mt.I32, mt.I32, mt.F64, mt.F64, mt.F64, mt.F64, mt.F64)
}
