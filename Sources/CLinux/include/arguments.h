#pragma once

/// How many arguments the process was started with, the program's name included.
int cl_argument_count(void);

/// An argument of the process, 0 being the program's name; null behind the last one.
const char *cl_argument(int index);
