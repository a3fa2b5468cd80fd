//! TLS: the server's certificate, and the authority that signs its clients' certificates. Their files are read again when they
//! change.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use anyhow::{Context, ensure};
use tokio::{fs, time::sleep};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
        server::WebPkiClientVerifier,
    },
};
use tokio_util::sync::CancellationToken;

use crate::settings::ServeSettings;

/// How often the files are read again. Notices of the file system would miss folders that are replaced as a whole, as
/// Kubernetes does.
const READ_INTERVAL: Duration = Duration::from_secs(5);

/// How TLS names HTTP/1.1. What a client does not name is HTTP/2.
pub const HTTP1: &[u8] = b"http/1.1";

/// The TLS of new connections.
pub struct Tls {
    files: TlsFiles,
    loaded: Contents,
    current: RwLock<Arc<ServerConfig>>,
}

struct TlsFiles {
    certificate: PathBuf,
    key: PathBuf,
    client_ca: Option<PathBuf>,
}

/// What the files had.
#[derive(Clone, PartialEq)]
struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

impl Tls {
    /// Reads the files that `settings` name. Returns `None` if they name none: connections are then in plain text.
    pub async fn load(settings: &ServeSettings) -> anyhow::Result<Option<Self>> {
        let (Some(certificate), Some(key)) = (&settings.tls_certificate, &settings.tls_key) else {
            return Ok(None);
        };
        let files = TlsFiles {
            certificate: certificate.clone(),
            key: key.clone(),
            client_ca: settings.tls_client_ca.clone(),
        };
        let loaded = files.read().await?;
        let current = RwLock::new(files.configure(&loaded)?);
        Ok(Some(Self {
            files,
            loaded,
            current,
        }))
    }

    /// Returns what accepts a connection.
    pub fn acceptor(&self) -> TlsAcceptor {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current).into()
    }

    /// Goes over to what the files have, whenever they change, until `draining`. Where that can't be used, such as a new
    /// certificate whose key is not there yet, what was used before stays.
    pub async fn watch(&self, draining: CancellationToken) {
        let mut seen = Ok(self.loaded.clone());
        loop {
            tokio::select! {
                () = sleep(READ_INTERVAL) => {}
                () = draining.cancelled() => return,
            }
            let found = self.files.read().await;
            // Text, as errors can't be compared: each is logged once.
            let found = found.map_err(|error| format!("{error:#}"));
            if found == seen {
                continue;
            }
            let configured = found.as_ref().map_err(String::clone).and_then(|contents| {
                let configured = self.files.configure(contents);
                configured.map_err(|error| format!("{error:#}"))
            });
            match configured {
                Ok(config) => {
                    *self.current.write().unwrap_or_else(PoisonError::into_inner) = config;
                    tracing::info!("tls.reloaded");
                }
                Err(error) => tracing::warn!(error, "tls.reload_failed"),
            }
            seen = found;
        }
    }
}

impl TlsFiles {
    async fn read(&self) -> anyhow::Result<Contents> {
        let client_ca = match &self.client_ca {
            Some(path) => Some(read(path).await?),
            None => None,
        };
        Ok(Contents {
            certificate: read(&self.certificate).await?,
            key: read(&self.key).await?,
            client_ca,
        })
    }

    /// Returns the configuration for what the files had. All of it is made together, so that none of it is of another time.
    fn configure(&self, contents: &Contents) -> anyhow::Result<Arc<ServerConfig>> {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        let builder = match self.client_ca.as_deref().zip(contents.client_ca.as_deref()) {
            None => builder.with_no_client_auth(),
            Some((path, pem)) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(path, pem)? {
                    let added = roots.add(certificate);
                    added.with_context(|| format!("cannot use {}", path.display()))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
                builder.with_client_cert_verifier(verifier.build()?)
            }
        };
        let key = PrivateKeyDer::from_pem_slice(&contents.key)
            .with_context(|| format!("cannot read a key from {}", self.key.display()))?;
        let certificates = certificates(&self.certificate, &contents.certificate)?;
        let mut config = builder
            .with_single_cert(certificates, key)
            .with_context(|| {
                let (certificate, key) = (self.certificate.display(), self.key.display());
                format!("cannot use the certificate in {certificate} with the key in {key}")
            })?;
        config.alpn_protocols = vec![b"h2".to_vec(), HTTP1.to_vec()];
        Ok(Arc::new(config))
    }
}

async fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let contents = fs::read(path).await;
    contents.with_context(|| format!("cannot read {}", path.display()))
}

fn certificates(path: &Path, pem: &[u8]) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates = certificates
        .with_context(|| format!("cannot read certificates from {}", path.display()))?;
    ensure!(
        !certificates.is_empty(),
        "{} has no certificate",
        path.display()
    );
    Ok(certificates)
}
