//! Whom an import trusts to be the site.

use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::failure::Failure;
use crate::error::Error;

/// An authority's certificate.
pub(super) type Certificate = CertificateDer<'static>;

/// Takes the certificates of a PEM text.
pub(super) fn parse(pem: &str) -> Result<Vec<Certificate>, Error> {
    let invalid = |reason: String| Error::InvalidRequest { reason };
    let found: Result<Vec<Certificate>, _> =
        CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let found = found.map_err(|error| invalid(format!("the root certificates: {error}")))?;
    if found.is_empty() {
        return Err(invalid("the text holds no root certificate".to_owned()));
    }
    let mut store = RootCertStore::empty();
    for certificate in &found {
        let added = store.add(certificate.clone());
        added.map_err(|error| invalid(format!("the root certificates: {error}")))?;
    }
    Ok(found)
}

/// Trusts the authorities of the host, and those given. It reads files.
pub(super) fn connector(roots: &[Certificate]) -> Result<TlsConnector, Failure> {
    let mut store = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    store.add_parsable_certificates(native.certs);
    store.add_parsable_certificates(roots.iter().cloned());
    if store.is_empty() {
        return Err(Failure::lasting(
            "the host trusts no certificate authority; install ca-certificates",
        ));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::lasting(format!("TLS: {error}")))?
        .with_root_certificates(store)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_without_a_certificate_is_refused() {
        for text in [
            "",
            "x",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ] {
            assert_eq!(parse(text).unwrap_err().code().as_str(), "invalid_request");
        }
    }
}
