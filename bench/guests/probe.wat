;; The smallest guest that can be measured: a call that does nothing, bytes in and out, and work of a chosen length.
(component
  (core module $code
    (memory (export "memory") 4)
    (global $free (mut i32) (i32.const 65536))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local $place i32)
      (local.set $place
        (i32.and
          (i32.add (global.get $free) (i32.sub (local.get 2) (i32.const 1)))
          (i32.sub (i32.const 0) (local.get 2))))
      (global.set $free (i32.add (local.get $place) (local.get 3)))
      (local.get $place))
    (func (export "noop"))
    ;; The result names the very bytes that came in; the next call writes over them.
    (func (export "echo") (param $place i32) (param $length i32) (result i32)
      (i32.store (i32.const 16) (local.get $place))
      (i32.store (i32.const 20) (local.get $length))
      (global.set $free (i32.const 65536))
      (i32.const 16))
    (func (export "work") (param $rounds i32)
      (loop $again
        (local.set $rounds (i32.sub (local.get $rounds) (i32.const 1)))
        (br_if $again (local.get $rounds))))
    (func (export "spin") (loop $again (br $again))))
  (core instance $guest (instantiate $code))
  (func $noop (canon lift (core func $guest "noop")))
  (func $echo (param "data" (list u8)) (result (list u8))
    (canon lift (core func $guest "echo") (memory (core memory $guest "memory")) (realloc (core func $guest "realloc"))))
  (func $work (param "rounds" u32) (canon lift (core func $guest "work")))
  (func $spin (canon lift (core func $guest "spin")))
  (instance $probe
    (export "noop" (func $noop)) (export "echo" (func $echo)) (export "work" (func $work)) (export "spin" (func $spin)))
  (export "wasmpuck:plugin/probe@0.1.0" (instance $probe)))
