;; The host is not the contract's operating system.
;; expect refused: the module imports `wasi_snapshot_preview1.fd_write`
(module (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32))) (func (export "call")))
