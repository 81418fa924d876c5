;; Threads are off.
;; expect refused: threads
(module (memory 1 1 shared) (func (export "call")))
