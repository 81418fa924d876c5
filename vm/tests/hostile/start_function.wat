;; Code that runs without being called.
;; expect refused: the module has a start function
(module (func $s) (start $s) (func (export "call")))
