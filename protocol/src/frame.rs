//! Frames: an unsigned varint length (multiformats, at most 9 bytes used) and that many bytes.
//!
//! The length is checked before anything is allocated, and the buffer grows with the bytes that arrive:
//! a peer that claims 33 MiB and sends nothing costs 64 KiB.

use std::io;

use bytes::Bytes;
use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// What is reserved for a frame before its bytes arrive.
const FIRST_ALLOCATION: usize = 64 << 10;

/// Reads one frame.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] if the length is above `limit` or no varint: the peer's fault.
/// [`io::ErrorKind::UnexpectedEof`] if the stream ends inside the frame; otherwise what the stream says.
pub(crate) async fn read<T>(io: &mut T, limit: usize) -> io::Result<Bytes>
where
    T: AsyncRead + Unpin + Send,
{
    let length = unsigned_varint::aio::read_usize(&mut *io)
        .await
        .map_err(|error| match error {
            unsigned_varint::io::ReadError::Io(error) => error,
            other => io::Error::new(
                io::ErrorKind::InvalidData,
                format!("the length of a frame: {other}"),
            ),
        })?;
    if length > limit {
        return Err(too_large(length, limit));
    }
    let mut buffer = Vec::with_capacity(length.min(FIRST_ALLOCATION));
    let wanted = u64::try_from(length).unwrap_or(u64::MAX);
    io.take(wanted).read_to_end(&mut buffer).await?;
    if buffer.len() < length {
        let text = format!(
            "the stream ended after {} of {length} bytes of a frame",
            buffer.len()
        );
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
    }
    Ok(Bytes::from(buffer))
}

/// Writes one frame and flushes it.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] if `data` is longer than `limit`: ours, the other side would refuse it.
pub(crate) async fn write<T>(io: &mut T, data: &[u8], limit: usize) -> io::Result<()>
where
    T: AsyncWrite + Unpin + Send,
{
    if data.len() > limit {
        return Err(too_large(data.len(), limit));
    }
    let mut length = unsigned_varint::encode::usize_buffer();
    io.write_all(unsigned_varint::encode::usize(data.len(), &mut length))
        .await?;
    io.write_all(data).await?;
    io.flush().await
}

fn too_large(length: usize, limit: usize) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("a frame of {length} bytes; the limit is {limit}"),
    )
}

#[cfg(test)]
mod tests {
    use futures::{executor::block_on, io::Cursor};

    use super::*;

    fn read_all(bytes: &[u8], limit: usize) -> io::Result<Bytes> {
        block_on(read(&mut Cursor::new(bytes), limit))
    }

    #[test]
    fn a_frame_is_a_varint_and_its_bytes() {
        let data = vec![7; 300];
        let mut out = Cursor::new(Vec::new());
        block_on(write(&mut out, &data, 300)).unwrap();
        let bytes = out.into_inner();
        assert_eq!(bytes[..2], [0xac, 0x02], "300 as a varint");
        assert_eq!(read_all(&bytes, 300).unwrap(), data);
        assert_eq!(read_all(&[0], 0).unwrap(), Bytes::new());
    }

    #[test]
    fn a_frame_longer_than_the_limit_is_refused_before_it_is_read_or_written() {
        let error = read_all(&[0xac, 0x02], 299).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert_eq!(error.to_string(), "a frame of 300 bytes; the limit is 299");
        let error = block_on(write(&mut Cursor::new(Vec::new()), &[0; 300], 299)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_truncated_frame_is_an_error_with_the_numbers() {
        let error = read_all(&[5, 1, 2], 10).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(
            error.to_string(),
            "the stream ended after 2 of 5 bytes of a frame"
        );
        assert!(read_all(&[], 10).is_err());
    }

    #[test]
    fn a_length_that_is_no_varint_is_refused() {
        let error = read_all(&[0xff; 11], usize::MAX).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
