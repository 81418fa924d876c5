//! The request-response codec: one protobuf message in one frame, each way.
//!
//! Encoding and decoding run on the connection's own task, not on the network's.

use std::{io, marker::PhantomData};

use aureon_proto::Message;
use futures::{AsyncRead, AsyncWrite};
use libp2p::{StreamProtocol, request_response};

use crate::frame;

/// A request as it arrived; an error in words if it is too long or no such message.
///
/// libp2p keeps to itself that a request could not be read, so a bad one has to arrive as a value.
pub(crate) type Received<Q> = Result<Q, String>;

/// A codec for requests `Q` and responses `A`.
///
/// A response that is too long or does not decode is an [`io::ErrorKind::InvalidData`].
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
    type Request = Received<Q>;
    type Response = A;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Received<Q>>
    where
        T: AsyncRead + Unpin + Send,
    {
        match read(io, self.max_request).await {
            Ok(request) => Ok(Ok(request)),
            Err(error) if is_malformed(&error) => Ok(Err(error.to_string())),
            Err(error) => Err(error),
        }
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<A>
    where
        T: AsyncRead + Unpin + Send,
    {
        read(io, self.max_response).await
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        request: Received<Q>,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        let request = request.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
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
