;; A middleware plugin that says `next` to every request: what is left is the cost of asking.
;; @NAME@ … stand for what `bench.guests` fills in; `interfaces` makes the exported interfaces.
(component
  (core module $code
    (memory (export "memory") 4)
    ;; 0 … 255 stay zero: the empty list, the good result, `healthy`, `keep`, `next` without headers and without reuse.
    (data (i32.const 256) "@INFO@")
    (data (i32.const 320) "@DECISION@")
    (data (i32.const 512) "@TEXT@")
    (global $free (mut i32) (i32.const 65536))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local $place i32)
      (local.set $place
        (i32.and
          (i32.add (global.get $free) (i32.sub (local.get 2) (i32.const 1)))
          (i32.sub (i32.const 0) (local.get 2))))
      (global.set $free (i32.add (local.get $place) (local.get 3)))
      (local.get $place))
    (func (export "describe") (result i32) (i32.const 256))
    (func (export "validate-config") (param i32 i32) (result i32) (i32.const 0))
    (func (export "init") (param i32 i32) (result i32) (i32.const 0))
    (func (export "start") (result i32) (i32.const 0))
    (func (export "health") (result i32) (i32.const 0))
    (func (export "self-test") (result i32) (i32.const 0))
    (func (export "shutdown") (param i32))
    (func (export "describe-scope") (result i32) (i32.const 0))
    (func (export "on-request")
      (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
      (global.set $free (i32.const 65536))
      (i32.const 320))
    (func (export "on-response") (param i32) (result i32)
      (global.set $free (i32.const 65536))
      (i32.const 0)))
  (core instance $guest (instantiate $code))
@INTERFACES@)
