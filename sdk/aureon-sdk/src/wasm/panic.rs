//! A panic aborts the call with its message, as far as that fits.

use core::fmt::{self, Write};
use core::panic::PanicInfo;

use super::host;

/// What of a message is kept.
const LONGEST: usize = 256;

struct Text {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Write for Text {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        // Nothing here may panic: that is where we come from.
        let free = self.bytes.get_mut(self.length..).unwrap_or_default();
        let fits = piece.floor_char_boundary(free.len());
        for (to, from) in free.iter_mut().zip(piece.bytes().take(fits)) {
            *to = from;
        }
        self.length = self.length.saturating_add(fits);
        if fits < piece.len() {
            Err(fmt::Error)
        } else {
            Ok(())
        }
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let message = info.message();
    if let Some(plain) = message.as_str() {
        host::abort(plain);
    }
    let mut text = Text {
        bytes: [0; LONGEST],
        length: 0,
    };
    // An error means that the rest did not fit.
    let _ = write!(text, "{message}");
    let shown = text
        .bytes
        .get(..text.length)
        .and_then(|bytes| core::str::from_utf8(bytes).ok());
    host::abort(shown.unwrap_or("panic"))
}
