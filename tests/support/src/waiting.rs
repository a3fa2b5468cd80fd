//! Waiting for the service, bounded.

use contact_lists::proto::ListChannelsRequest;

use super::{Client, until};

impl Client {
    /// Waits until a call that reads succeeds.
    pub async fn until_answered(&self) {
        until("calls are answered", async || {
            let request = ListChannelsRequest::default();
            self.channels.clone().list_channels(request).await.is_ok()
        })
        .await;
    }
}
