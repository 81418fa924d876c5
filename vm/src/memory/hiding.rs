//! What is left when the system does not let a memory be hidden.

use wasmer_types::{MemoryStyle, WASM_PAGE_SIZE};

use super::Reservation;

/// The system knows all of these addresses: none of them is unmapped.
fn is_whole(reservation: &mut Reservation, bytes: usize) -> bool {
    let mut states = vec![0_u8; bytes.div_ceil(4096)];
    // SAFETY: it only looks, at no more pages than `states` has room for, and refuses addresses that are not mapped.
    unsafe { libc::mincore(reservation.map.as_mut_ptr().cast(), bytes, states.as_mut_ptr()) == 0 }
}

#[test]
fn a_memory_that_cannot_be_hidden_is_left_without_a_hole() {
    let style = MemoryStyle::Static;
    let mut reservation = Reservation::take(WASM_PAGE_SIZE, &style).unwrap();
    reservation.resize(3 * WASM_PAGE_SIZE).unwrap();
    // SAFETY: the first byte of the third page is in the memory, and ours.
    let last = unsafe { reservation.map.as_mut_ptr().add(2 * WASM_PAGE_SIZE) };
    // The system takes no page back that is locked.
    // SAFETY: one page of ours, which stays mapped as long as `reservation`.
    let locked = unsafe { libc::mlock(last.cast(), 4096) };
    assert_eq!(locked, 0, "{}", std::io::Error::last_os_error());
    assert!(reservation.resize(WASM_PAGE_SIZE).is_err());
    assert!(is_whole(&mut reservation, 16 * WASM_PAGE_SIZE));
    // SAFETY: as above.
    let unlocked = unsafe { libc::munlock(last.cast(), 4096) };
    assert_eq!(unlocked, 0);
    assert_eq!(reservation.resize(WASM_PAGE_SIZE), Ok(()));
    assert!(is_whole(&mut reservation, 16 * WASM_PAGE_SIZE));
    reservation.resize(3 * WASM_PAGE_SIZE).unwrap();
    // SAFETY: the third page is usable again.
    assert_eq!(unsafe { last.read() }, 0, "what was hidden is forgotten");
}
