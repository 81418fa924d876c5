;; One import, again and again: each is linked at every call.
;; expect refused: the module has 65 imports; at most 64 are allowed
(module {{65:(import "env" "value" (func (result i64))) }} (memory (export "memory") 1) (func (export "call")))
