;; A name that the host knows, from a module that is not its own.
;; expect refused: the module imports `wasi.value`
(module (import "wasi" "value" (func (result i64))) (memory (export "memory") 1) (func (export "call")))
