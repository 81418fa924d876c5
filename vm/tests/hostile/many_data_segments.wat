;; Segments without end.
;; expect refused: the module has 5000 data segments; at most 1000 are allowed
(module (memory 1) {{5000:(data "") }} (func (export "call")))
