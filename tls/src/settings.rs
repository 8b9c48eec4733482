//! Settings that can be exchanged while they are in use.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::crypto::CryptoProvider;

use crate::error::{ConfigError, ConfigErrorKind};

/// The settings in force, and how to make them anew.
pub(crate) struct Settings<C> {
    current: RwLock<Arc<C>>,
    source: Source<C>,
}

enum Source<C> {
    Recipe(Recipe<C>),
    /// Somebody else made them.
    Given,
}

type Recipe<C> = Box<dyn Fn() -> Result<C, ConfigError> + Send + Sync>;

impl<C> Settings<C> {
    pub(crate) fn made_by(
        recipe: impl Fn() -> Result<C, ConfigError> + Send + Sync + 'static,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            current: RwLock::new(Arc::new(recipe()?)),
            source: Source::Recipe(Box::new(recipe)),
        })
    }

    pub(crate) const fn given(config: Arc<C>) -> Self {
        Self {
            current: RwLock::new(config),
            source: Source::Given,
        }
    }

    pub(crate) fn current(&self) -> Arc<C> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn replace(&self, config: Arc<C>) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = config;
    }

    pub(crate) fn reload(&self) -> Result<(), ConfigError> {
        match &self.source {
            Source::Recipe(recipe) => {
                self.replace(Arc::new(recipe()?));
                Ok(())
            }
            Source::Given => Err(ConfigErrorKind::NotReloadable.into()),
        }
    }
}

impl<C> fmt::Debug for Settings<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").finish_non_exhaustive()
    }
}

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Names of application protocols, as they go over the wire.
pub(crate) fn protocols<P: AsRef<[u8]>>(names: impl IntoIterator<Item = P>) -> Vec<Vec<u8>> {
    names.into_iter().map(|name| name.as_ref().to_vec()).collect()
}
