//! An HTTP/2 connection written by hand, for what no client would do.

use std::{io, time::Duration};

use prost::bytes::BufMut;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{
    Service,
    raw::{PREFACE, frame, header_block},
};

const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// The kinds of frames that tests write and look for.
pub mod kind {
    pub const DATA: u8 = 0x0;
    pub const HEADERS: u8 = 0x1;
    pub const RST_STREAM: u8 = 0x3;
    pub const SETTINGS: u8 = 0x4;
    pub const PING: u8 = 0x6;
    pub const GOAWAY: u8 = 0x7;
    pub const WINDOW_UPDATE: u8 = 0x8;
}

/// A connection that does nothing by itself: it answers no pings and gives no window.
pub struct ByHand {
    stream: TcpStream,
}

/// A frame that arrived.
#[derive(Debug)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Service {
    /// Connects, and exchanges settings. The service may send `window_bytes` on each stream.
    pub async fn connect_by_hand(&self, window_bytes: u32) -> ByHand {
        let stream = TcpStream::connect(self.address()).await.expect("a server");
        let mut connection = ByHand { stream };
        let mut settings = 4_u16.to_be_bytes().to_vec();
        settings.put_u32(window_bytes);
        let mut bytes = PREFACE.to_vec();
        bytes.extend(frame(kind::SETTINGS, 0, 0, &settings));
        connection.write(&bytes).await.expect("a taken preface");
        connection
            .until(kind::SETTINGS)
            .await
            .expect("the service's settings");
        // The service's own windows apply from here on.
        let acknowledged = frame(kind::SETTINGS, 1, 0, &[]);
        connection.write(&acknowledged).await.expect("a connection");
        connection
    }
}

impl ByHand {
    /// Writes bytes as they are.
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Begins a call on a stream, such as "/contactlists.v1.ChannelService/ListChannels", with an API key.
    pub async fn begin(&mut self, stream: u32, path: &str, key: &str) -> io::Result<()> {
        let headers = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", path),
            (":authority", "localhost"),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
            ("authorization", &format!("Bearer {key}")),
        ];
        let head = frame(kind::HEADERS, 0x4, stream, &header_block(&headers));
        self.write(&head).await
    }

    /// Sends a message on a stream, whole and in one frame. The last one ends the stream.
    pub async fn send(
        &mut self,
        stream: u32,
        message: &impl prost::Message,
        is_last: bool,
    ) -> io::Result<()> {
        let data = framed(message);
        self.write(&frame(kind::DATA, is_last.into(), stream, &data))
            .await
    }

    /// The next frame; none if the connection ends.
    pub async fn next(&mut self) -> Option<Frame> {
        timeout(ANSWER_LIMIT, self.read())
            .await
            .expect("a frame or an end in time")
            .ok()
    }

    /// Reads until a frame of this kind comes; none if the connection ends without.
    pub async fn until(&mut self, kind: u8) -> Option<Frame> {
        loop {
            let frame = self.next().await?;
            if frame.kind == kind {
                return Some(frame);
            }
        }
    }

    async fn read(&mut self) -> io::Result<Frame> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).await?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.stream.read_exact(&mut payload).await?;
        Ok(Frame {
            kind,
            flags,
            stream: u32::from_be_bytes(stream),
            payload,
        })
    }
}

/// A message as it is sent: behind the five bytes that gRPC puts before each.
pub fn framed(message: &impl prost::Message) -> Vec<u8> {
    let mut data = vec![0];
    data.put_u32(message.encoded_len() as u32);
    data.extend(message.encode_to_vec());
    data
}
