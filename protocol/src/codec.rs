//! The request-response codec: one protobuf message in one frame, each way.
//!
//! Encoding and decoding run on the connection's own task, not on the network's.

use std::{io, marker::PhantomData};

use aureon_proto::Message;
use futures::{AsyncRead, AsyncWrite};
use libp2p::{StreamProtocol, request_response};

use crate::frame;

/// A codec for requests `Q` and responses `A`.
///
/// A message that is too long or does not decode is an [`io::ErrorKind::InvalidData`].
pub(crate) struct ProtobufCodec<Q, A> {
    max_request: usize,
    max_response: usize,
    messages: PhantomData<fn() -> (Q, A)>,
}

impl<Q, A> ProtobufCodec<Q, A> {
    /// Limits in bytes of a message, without the frame's length.
    pub(crate) fn new(max_request: usize, max_response: usize) -> Self {
        Self {
            max_request,
            max_response,
            messages: PhantomData,
        }
    }
}

// Derived `Clone` would ask for `Q: Clone`.
impl<Q, A> Clone for ProtobufCodec<Q, A> {
    fn clone(&self) -> Self {
        Self::new(self.max_request, self.max_response)
    }
}

impl<Q, A> request_response::Codec for ProtobufCodec<Q, A>
where
    Q: Message + Default + Send + 'static,
    A: Message + Default + Send + 'static,
{
    type Protocol = StreamProtocol;
    type Request = Q;
    type Response = A;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Q>
    where
        T: AsyncRead + Unpin + Send,
    {
        read(io, self.max_request).await
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<A>
    where
        T: AsyncRead + Unpin + Send,
    {
        read(io, self.max_response).await
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, request: Q) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        frame::write(io, &request.encode_to_vec(), self.max_request).await
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, response: A) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        frame::write(io, &response.encode_to_vec(), self.max_response).await
    }
}

/// Byte fields of the decoded message share the frame's memory.
async fn read<T, M>(io: &mut T, limit: usize) -> io::Result<M>
where
    T: AsyncRead + Unpin + Send,
    M: Message + Default,
{
    let bytes = frame::read(io, limit).await?;
    M::decode(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))
}

/// Whether the other side sent something that breaks the protocol (and not: the line failed).
pub(crate) fn is_malformed(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidData
}
