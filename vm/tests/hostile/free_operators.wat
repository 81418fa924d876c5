;; Operators that look free: they are paid too.
;; expect: out of gas
(module (func (export "call") (loop {{1000:nop }} {{200:block end }} (br 0))))
