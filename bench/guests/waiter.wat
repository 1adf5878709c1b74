;; A guest that waits five times in a host function that takes its time, and one that asks for the time at once.
(component
  (import "wasmpuck:plugin/clock@0.1.0"
    (instance $clock
      (export "now" (func (result f64)))
      (export "wait" (func (param "milliseconds" u32) (result u32)))))
  (core func $now (canon lower (func $clock "now")))
  (core func $wait (canon lower (func $clock "wait")))
  (core module $code
    (import "clock" "now" (func $now (result f64)))
    (import "clock" "wait" (func $wait (param i32) (result i32)))
    (func (export "now") (result f64) (call $now))
    (func (export "wait") (param $milliseconds i32) (result i32) (local $times i32)
      (loop $again
        (drop (call $wait (local.get $milliseconds)))
        (local.set $times (i32.add (local.get $times) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $times) (i32.const 5))))
      (local.get $times)))
  (core instance $guest
    (instantiate $code (with "clock" (instance (export "now" (func $now)) (export "wait" (func $wait))))))
  (func $ask (result f64) (canon lift (core func $guest "now")))
  (func $sleep (param "milliseconds" u32) (result u32) (canon lift (core func $guest "wait")))
  (instance $probe (export "now" (func $ask)) (export "wait" (func $sleep)))
  (export "wasmpuck:plugin/probe@0.1.0" (instance $probe)))
