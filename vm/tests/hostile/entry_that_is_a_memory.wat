;; A memory under the name of an entry point, with the number of a function that would do.
;; expect refused: the export `call` is not a function without parameters and results
(module (func) (memory 1) (export "call" (memory 0)))
