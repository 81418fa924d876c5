;; Four gigabytes from the first instruction on.
;; expect refused: the module has 65536 pages of memory; at most 256 are allowed
(module (memory 65536) (func (export "call")))
