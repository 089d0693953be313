// Programs of the older kind of modules load the package too.
const { Jobd, JobdError } = require("@jobd/jobd");

Jobd.open("mysql://localhost").catch((error) => {
  process.stdout.write(`${error instanceof JobdError} ${error.code}\n`);
});
