"""The values of the helm chart, section by section; what Kubernetes defines is passed on and judged by Kubernetes."""
