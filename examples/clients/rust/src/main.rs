//! `upload FILE …` adds the contacts of files of JSON lines to a list, a call for each file, all on one channel.
//!
//! Environment: `ADDRESS` (host:port), `KEY` (an API key), `LIST` (the list's id), and, if the defaults don't suit,
//! `CONTACTS_PER_MESSAGE` and `DEADLINE_SECONDS`.

use std::{convert::identity, env, mem, process::ExitCode, time::Duration};

use anyhow::{Context as _, Result};
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use tokio::{fs::File, io::AsyncBufReadExt as _, io::BufReader, sync::mpsc, task::JoinSet, time};
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};
use tonic::{Code, Request, Status, metadata::AsciiMetadataValue, transport::Channel};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use proto::contactlists::v1::{
    Contact, GetContactListUpdateRequest, UpdateContactListContactsFooter,
    UpdateContactListContactsHeader, UpdateContactListContactsRequest,
    UpdateContactListContactsResponse,
    contact_list_service_client::ContactListServiceClient,
    get_contact_list_update_request::Reference,
    update_contact_list_contacts_header::{Action, RejectionPolicy},
};

#[allow(dead_code, clippy::enum_variant_names, reason = "generated")]
mod proto {
    include!(concat!(env!("OUT_DIR"), "/proto.rs"));

    pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
}

const ATTEMPTS: u32 = 6;

/// What all uploads share.
#[derive(Clone)]
struct Uploader {
    lists: ContactListServiceClient<Channel>,
    authorization: AsciiMetadataValue,
    contact_list_id: String,
    contacts_per_message: usize,
    deadline: Duration,
    contact: MessageDescriptor,
}

impl Uploader {
    fn from_environment() -> Result<Self> {
        let required = |name| env::var(name).context(name);
        let or_default =
            |name, default: &str| env::var(name).unwrap_or_else(|_| default.to_owned());
        let channel =
            Channel::from_shared(format!("http://{}", required("ADDRESS")?))?.connect_lazy();
        let descriptors = DescriptorPool::decode(proto::DESCRIPTORS)?;
        Ok(Self {
            lists: ContactListServiceClient::new(channel),
            authorization: format!("Bearer {}", required("KEY")?).parse()?,
            contact_list_id: required("LIST")?,
            contacts_per_message: or_default("CONTACTS_PER_MESSAGE", "200").parse()?,
            deadline: Duration::from_secs_f64(or_default("DEADLINE_SECONDS", "120").parse()?),
            contact: descriptors
                .get_message_by_name("contactlists.v1.Contact")
                .context("the contract has no Contact")?,
        })
    }

    fn request<T>(&self, message: T, deadline: Duration) -> Request<T> {
        let mut request = Request::new(message);
        request
            .metadata_mut()
            .insert("authorization", self.authorization.clone());
        request.set_timeout(deadline);
        request
    }

    /// Sends the file until it is applied, or until a retry can't help.
    async fn upload(&self, path: &str) -> Result<UpdateContactListContactsResponse> {
        let request_id = Uuid::new_v4().to_string();
        let mut attempt = 1;
        loop {
            let error = match self.call(path, &request_id).await {
                Ok(outcome) => return Ok(outcome),
                Err(error) => error,
            };
            let delay = error.downcast_ref().and_then(retry_delay);
            let Some(delay) = delay.filter(|_| attempt < ATTEMPTS) else {
                return Err(error);
            };
            eprintln!("{path}: trying again after {error}");
            let doubled = Duration::from_millis(250 << attempt);
            time::sleep(delay.max(doubled).mul_f64(1.0 + fastrand::f64() / 2.0)).await;
            if let Some(outcome) = self.recorded(&request_id).await {
                return Ok(outcome);
            }
            attempt += 1;
        }
    }

    async fn call(
        &self,
        path: &str,
        request_id: &str,
    ) -> Result<UpdateContactListContactsResponse> {
        let (sender, receiver) = mpsc::channel(1);
        // Only `None` ends the stream. One that ended because the file can't be read would look whole.
        let messages = ReceiverStream::new(receiver)
            .chain(tokio_stream::pending())
            .map_while(identity);
        let mut lists = self.lists.clone();
        let call = lists.update_contact_list_contacts(self.request(messages, self.deadline));
        tokio::pin!(call);
        let response = tokio::select! {
            response = &mut call => response,
            sent = self.send(path, request_id, sender) => {
                // An error drops the call, which cancels it.
                sent?;
                call.await
            }
        };
        Ok(response?.into_inner())
    }

    /// Sends the messages of one call, each when tonic has taken the last one. Fails if the file can't be read; a call that has
    /// ended takes no more, and its status says why.
    async fn send(
        &self,
        path: &str,
        request_id: &str,
        messages: mpsc::Sender<Option<UpdateContactListContactsRequest>>,
    ) -> Result<()> {
        let mut message = UpdateContactListContactsRequest {
            header: Some(UpdateContactListContactsHeader {
                contact_list_id: self.contact_list_id.clone(),
                action: Action::Add.into(),
                rejection_policy: RejectionPolicy::Skip.into(),
                request_id: Some(request_id.to_owned()),
                ..Default::default()
            }),
            ..Default::default()
        };
        let mut contact_count = 0;
        let mut lines = BufReader::new(File::open(path).await?).lines();
        while let Some(line) = lines.next_line().await? {
            message.contacts.push(self.contact(&line)?);
            contact_count += 1;
            if message.contacts.len() == self.contacts_per_message
                && messages.send(Some(mem::take(&mut message))).await.is_err()
            {
                return Ok(());
            }
        }
        message.footer = Some(UpdateContactListContactsFooter { contact_count });
        let _ = messages.send(Some(message)).await;
        let _ = messages.send(None).await;
        Ok(())
    }

    fn contact(&self, line: &str) -> Result<Contact> {
        let mut json = serde_json::Deserializer::from_str(line);
        let contact = DynamicMessage::deserialize(self.contact.clone(), &mut json)?;
        json.end()?;
        Ok(contact.transcode_to()?)
    }

    /// Returns the outcome of the update, if it was applied. Otherwise it is sent again, which is safe with the same id.
    async fn recorded(&self, request_id: &str) -> Option<UpdateContactListContactsResponse> {
        let reference = Some(Reference::RequestId(request_id.to_owned()));
        let request = GetContactListUpdateRequest { reference };
        let request = self.request(request, Duration::from_secs(10));
        let found = self.lists.clone().get_contact_list_update(request).await;
        found.ok()?.into_inner().contact_list_update?.outcome
    }
}

/// Returns how long to wait before a retry, if it can help.
fn retry_delay(status: &Status) -> Option<Duration> {
    if let Some(retry) = status.get_details_retry_info() {
        return Some(retry.retry_delay.unwrap_or_default());
    }
    // Without details the error is tonic's own: the connection broke, or the deadline passed. The update may have been applied.
    let is_own = status.get_details_error_info().is_none();
    (is_own || status.code() == Code::DeadlineExceeded).then_some(Duration::ZERO)
}

/// Prints what an upload came to, and returns whether it succeeded.
fn report(path: &str, upload: Result<UpdateContactListContactsResponse>) -> bool {
    let outcome = match upload {
        Ok(outcome) => outcome,
        Err(error) => {
            let info = error
                .downcast_ref()
                .and_then(Status::get_details_error_info);
            let reason = info.map_or("no details".to_owned(), |info| info.reason);
            eprintln!("{path}: {error} ({reason})");
            return false;
        }
    };
    for contact in &outcome.rejected_contacts {
        for violation in &contact.violations {
            let line = contact.index + 1;
            println!("{path}:{line}: {} {}", violation.field, violation.message);
        }
    }
    println!(
        "{path}: {} received, {} rejected, {} added; the list has {}",
        outcome.received_count,
        outcome.rejected_count,
        outcome.added_count,
        outcome.contact_list.unwrap_or_default().contact_count,
    );
    true
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let uploader = Uploader::from_environment()?;
    let mut uploads = JoinSet::new();
    for path in env::args().skip(1) {
        let uploader = uploader.clone();
        uploads.spawn(async move { report(&path, uploader.upload(&path).await) });
    }
    let succeeded = uploads.join_all().await.into_iter().all(identity);
    Ok(if succeeded {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
