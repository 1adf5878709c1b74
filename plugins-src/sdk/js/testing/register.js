// `node --import …/sdk/js/testing/register.js --test tests/*.js`: lets plugins import "wasmpuck", and their tests "wasmpuck/testing".

import { register } from "node:module";

register("./resolve.js", import.meta.url);
