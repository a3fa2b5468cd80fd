//! The connection to a server: its address, the API key, TLS.

use std::{error::Error, fs, io, path::Path, path::PathBuf, time::Duration};

use anyhow::{Context, anyhow, bail};
use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use tokio_rustls::rustls::{self, CertificateError};
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
};

use super::error;
use crate::proto::{
    GetLimitsRequest, Limits, channel_service_client::ChannelServiceClient,
    communication_preference_service_client::CommunicationPreferenceServiceClient,
    contact_list_service_client::ContactListServiceClient,
    custom_object_service_client::CustomObjectServiceClient,
};

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How often a connection on which a call waits is checked, and how long the server may take to respond to that.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// Which server to call, and how.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Server")]
pub struct ConnectionSettings {
    /// Where it is.
    #[command(flatten)]
    pub server: ServerSettings,
    /// The API key, as the server's first start or `contact-lists api-key create` printed it; other users of this machine can see a flag, but neither the variable nor a file
    #[arg(long, env = "CONTACT_LISTS_KEY", hide_env_values = true)]
    pub key: Option<SecretString>,
    /// A file that has the API key alone
    #[arg(long, env = "CONTACT_LISTS_KEY_FILE")]
    pub key_file: Option<PathBuf>,
}

/// Where a server is, and its TLS.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Server")]
pub struct ServerSettings {
    /// The server: http://HOST:PORT, or https://HOST:PORT for TLS
    #[arg(
        long,
        env = "CONTACT_LISTS_SERVER",
        default_value = "http://127.0.0.1:50051"
    )]
    pub server: String,
    /// The certificate authorities that may have signed the server's certificate, a PEM file; by default the public ones
    #[arg(long, env = "CONTACT_LISTS_CA")]
    pub ca: Option<PathBuf>,
    /// The certificate chain to show to the server (mutual TLS), a PEM file
    #[arg(
        long,
        env = "CONTACT_LISTS_CLIENT_CERTIFICATE",
        requires = "client_key"
    )]
    pub client_certificate: Option<PathBuf>,
    /// Its private key, a PEM file
    #[arg(
        long,
        env = "CONTACT_LISTS_CLIENT_KEY",
        requires = "client_certificate"
    )]
    pub client_key: Option<PathBuf>,
}

type Authorized = InterceptedService<Channel, Authorization>;

/// A server that has accepted the API key. Clones share the connection.
#[derive(Clone)]
pub struct Connection {
    /// Its address, as given.
    pub server: String,
    /// `ContactListService`.
    pub lists: ContactListServiceClient<Authorized>,
    /// `ChannelService`.
    pub channels: ChannelServiceClient<Authorized>,
    /// `CustomObjectService`.
    pub objects: CustomObjectServiceClient<Authorized>,
    /// `CommunicationPreferenceService`.
    pub preferences: CommunicationPreferenceServiceClient<Authorized>,
    /// The server's limits.
    pub limits: Limits,
}

impl Connection {
    /// Connects, and asks the server for its limits. An error says in a sentence what is wrong.
    pub async fn open(settings: &ConnectionSettings) -> anyhow::Result<Self> {
        let authorization = Authorization(settings.authorization()?);
        let server = &settings.server.server;
        let channel = settings.server.connect().await?;
        let authorized = InterceptedService::new(channel, authorization);
        let mut lists = ContactListServiceClient::new(authorized.clone());
        let response = lists.get_limits(GetLimitsRequest {}).await;
        let response = response.map_err(|status| first_call_failed(server, status))?;
        Ok(Self {
            server: server.clone(),
            lists,
            channels: ChannelServiceClient::new(authorized.clone()),
            objects: CustomObjectServiceClient::new(authorized.clone()),
            preferences: CommunicationPreferenceServiceClient::new(authorized),
            limits: response.into_inner().limits.unwrap_or_default(),
        })
    }
}

impl ConnectionSettings {
    fn authorization(&self) -> anyhow::Result<MetadataValue<Ascii>> {
        let key = match (&self.key, &self.key_file) {
            (Some(key), _) => key.expose_secret().to_owned(),
            (None, Some(path)) => fs::read_to_string(path)
                .with_context(|| format!("cannot read the API key from {}", path.display()))?,
            (None, None) => bail!("no API key: give --key, --key-file, or CONTACT_LISTS_KEY"),
        };
        let authorization = format!("Bearer {}", key.trim());
        let mut authorization: MetadataValue<Ascii> = authorization
            .parse()
            .map_err(|_| anyhow!("the API key has characters that no key has"))?;
        authorization.set_sensitive(true);
        Ok(authorization)
    }
}

impl ServerSettings {
    /// Connects. An error says in a sentence what is wrong.
    pub async fn connect(&self) -> anyhow::Result<Channel> {
        let channel = self.endpoint()?.connect().await;
        channel.map_err(|error| cannot_connect(&self.server, &error))
    }

    fn endpoint(&self) -> anyhow::Result<Endpoint> {
        let server = &self.server;
        let with_tls = server.starts_with("https://");
        if !with_tls && !server.starts_with("http://") {
            bail!(
                "{server} is not the address of a server: give http://HOST:PORT or https://HOST:PORT"
            );
        }
        let endpoint = Endpoint::from_shared(server.clone());
        let endpoint = endpoint
            .with_context(|| format!("{server} is not the address of a server"))?
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE);
        if !with_tls {
            return Ok(endpoint);
        }
        let mut tls = match &self.ca {
            Some(path) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem(path)?)),
            None => ClientTlsConfig::new().with_webpki_roots(),
        };
        if let (Some(certificate), Some(key)) = (&self.client_certificate, &self.client_key) {
            tls = tls.identity(Identity::from_pem(pem(certificate)?, pem(key)?));
        }
        endpoint.tls_config(tls).context("bad TLS settings")
    }
}

fn pem(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Puts the API key on every call.
#[derive(Clone)]
pub struct Authorization(MetadataValue<Ascii>);

impl Interceptor for Authorization {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let metadata = request.metadata_mut();
        metadata.insert("authorization", self.0.clone());
        Ok(request)
    }
}

fn cannot_connect(server: &str, error: &(dyn Error + 'static)) -> anyhow::Error {
    if let Some(error) = cause::<rustls::Error>(error) {
        return tls_error(server, error);
    }
    match cause::<io::Error>(error).map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => {
            anyhow!("no server listens at {server}: is it running, and is --server right?")
        }
        _ => anyhow!("cannot connect to {server}: {}", error::root(error)),
    }
}

fn tls_error(server: &str, error: &rustls::Error) -> anyhow::Error {
    match error {
        rustls::Error::InvalidMessage(_) => {
            anyhow!("the server at {server} has no TLS: give --server with http://")
        }
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => anyhow!(
            "the certificate of {server} is not signed by a known authority: name it with --ca"
        ),
        other => anyhow!("no TLS connection to {server}: {other}"),
    }
}

/// The first call shows whether both sides speak the same protocol, and whether the key is right.
pub fn first_call_failed(server: &str, status: Status) -> anyhow::Error {
    let Some(transport) = status.source() else {
        return error::sentence(status);
    };
    let hint = match server.starts_with("http://") {
        true => "if it has TLS, give --server with https://",
        false => "if it wants a certificate, give --client-certificate and --client-key",
    };
    let cause = error::root(transport);
    anyhow!("{server} does not respond as contact-lists does: {hint} ({cause})")
}

/// The first error of this type among `error` and what caused it.
fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        // An I/O error is not the source of the error in it.
        let inner = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        let inner = inner.and_then(|inner| cause::<E>(inner));
        if let Some(found) = error.downcast_ref().or(inner) {
            return Some(found);
        }
        next = error.source();
    }
    None
}
