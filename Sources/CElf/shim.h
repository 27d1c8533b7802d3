#pragma once

#include <gelf.h>
