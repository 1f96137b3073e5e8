#!/usr/bin/env bash
# Stands for what deploys your application.
set -euo pipefail
echo "deployed to ${1:?ENVIRONMENT}"
