/**
 * Trocar o segredo, e a autoridade dos certificados, de um grupo no ar: um servidor de cada vez, com
 * clientes a escrever o tempo todo. É o que docs/operar.md manda fazer.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { Cliente } from "../cliente.ts";
import { lerSeguranca, type Seguranca } from "../lib/seguranca.ts";
import { lerArgumentos } from "../lib/opcoes.ts";
import { fazerCertificados } from "../exemplos/certificados.ts";
import { argumentosDoServidor, ate, portasLivres, Programa, respondido } from "./apoio.ts";
import { escreverSempre } from "./apoio/maquinas.ts";

const SAI = Deno.build.os === "windows" ? "SIGKILL" : "SIGTERM";

/** Uma pasta onde se escrevem os arquivos que os programas leem ao começar. */
async function abrirPasta() {
  const pasta = await Deno.makeTempDir({ prefix: "kv-troca-" });
  return {
    async escrever(nome: string, texto: string): Promise<string> {
      await Deno.writeTextFile(`${pasta}/${nome}`, texto, { mode: 0o600 });
      return `${pasta}/${nome}`;
    },
    [Symbol.asyncDispose]: () => Deno.remove(pasta, { recursive: true }),
  };
}

/** Três servidores, que se recomeçam um a um com as opções do momento. */
function abrirGrupo(opcoes: () => string[]) {
  const portas = portasLivres(3) as [number, number, number];
  const programas: Programa[] = [];
  const comecar = (n: number) => {
    programas[n] = new Programa(
      "servidor",
      argumentosDoServidor(portas[n]!, portas[0], ["--prazo=15000", ...opcoes()]),
    );
  };
  const emDia = (n: number) =>
    ate(() => programas[n]!.avisos.includes("aceita PUTs"), `o servidor ${n} estar em dia`);
  return {
    enderecos: portas.map((porta) => `127.0.0.1:${porta}`),
    async comecarTodos() {
      [0, 1, 2].forEach(comecar);
      await Promise.all([0, 1, 2].map(emDia));
    },
    /** Os seguidores primeiro, o líder no fim. */
    async recomecarUmAUm() {
      for (const n of [1, 2, 0]) {
        programas[n]!.sinal(SAI);
        await programas[n]!.codigo();
        await programas[n]!.matar();
        comecar(n);
        await emDia(n);
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(programas.map((programa) => programa.matar()));
    },
  };
}

/** Confere que está na tabela o que se confirmou a quem escrevia, e que nenhum timestamp se repetiu. */
async function conferir(
  enderecos: readonly string[],
  seguranca: Seguranca,
  { confirmados, timestamps }: ReturnType<typeof escreverSempre>,
): Promise<void> {
  assertEquals(timestamps, [...new Set(timestamps)].sort((a, b) => a - b));
  for (const endereco of enderecos) {
    await using leitor = new Cliente([endereco], { seguranca });
    for (const [key, [confirmado, quando]] of confirmados) {
      const { value, timestamp } = await respondido(leitor.get(key));
      // Um PUT que falhou sem certeza pode ter acontecido depois.
      if (timestamp === quando) assertEquals(value, confirmado);
      else assert(timestamp > quando, `${endereco} ${key}: ${timestamp}, confirmado ${quando}`);
    }
  }
}

/** O que as opções `--segredo` e `--tls-ca` de um cliente dizem. */
const segurancaDe = (...args: string[]) =>
  lerSeguranca(lerArgumentos(args, { textos: ["segredo", "tls-ca"], sinais: [] }));

Deno.test("trocar o segredo, um servidor de cada vez: ninguém é recusado, e no fim só o novo vale", async () => {
  await using pasta = await abrirPasta();
  const [velho, novo] = ["o segredo de sempre, velho", "o segredo que vem, novo em folha"];
  const doServidor = async (...segredos: string[]) =>
    await pasta.escrever("servidor.txt", segredos.join("\n"));
  const doCliente = async (...segredos: string[]) =>
    segurancaDe(`--segredo=${await pasta.escrever("cliente.txt", segredos.join("\n"))}`);
  const arquivo = await doServidor(velho);
  await using grupo = abrirGrupo(() => [`--segredo=${arquivo}`]);
  await grupo.comecarTodos();
  const cliente = escreverSempre(grupo.enderecos, await doCliente(velho));
  await cliente.andar();
  // 1. Os servidores passam a aceitar também o novo; 2. os clientes, também.
  await doServidor(velho, novo);
  await grupo.recomecarUmAUm();
  await cliente.andar();
  await cliente.trocar(await doCliente(velho, novo));
  await cliente.andar();
  // 3. Os servidores passam a usar o novo; 4. os clientes, só o novo; 5. os servidores, também.
  await doServidor(novo, velho);
  await grupo.recomecarUmAUm();
  await cliente.andar();
  await cliente.trocar(await doCliente(novo));
  await cliente.andar();
  await doServidor(novo);
  await grupo.recomecarUmAUm();
  await cliente.andar();
  await cliente.parar();

  await conferir(grupo.enderecos, { segredo: novo }, cliente);
  await using atrasado = new Cliente(grupo.enderecos, {
    seguranca: { segredo: velho },
    repetir: false,
  });
  await assertRejects(() => atrasado.get("k"), Error, "segredo");
  assertEquals(cliente.erros.filter((erro) => /segredo/.test(erro)), []);
});

Deno.test("trocar a autoridade dos certificados, um servidor de cada vez: ninguém é recusado", async () => {
  await using pasta = await abrirPasta();
  const [velha, nova] = [
    await fazerCertificados(["127.0.0.1"]),
    await fazerCertificados(["127.0.0.1"]),
  ];
  // Como `cat velha.pem nova.pem` as junta, se a velha não acaba com um fim de linha.
  const ca = (...partes: { ca: string }[]) =>
    pasta.escrever("ca.pem", partes.map(({ ca }) => ca.trimEnd()).join(""));
  const usar = async ({ cert, chave }: { cert: string; chave: string }) => {
    await pasta.escrever("cert.pem", cert);
    await pasta.escrever("chave.pem", chave);
  };
  let arquivo = await ca(velha);
  await usar(velha);
  const doCliente = () => segurancaDe(`--tls-ca=${arquivo}`);
  await using grupo = abrirGrupo(() => {
    const nome = (parte: string) => arquivo.replace("ca.pem", parte);
    const [cert, chave] = [nome("cert.pem"), nome("chave.pem")];
    return [`--tls-ca=${arquivo}`, `--tls-cert=${cert}`, `--tls-chave=${chave}`];
  });
  await grupo.comecarTodos();
  const cliente = escreverSempre(grupo.enderecos, doCliente());
  await cliente.andar();
  // 1. Todos confiam nas duas; 2. os servidores usam o certificado novo; 3. só se confia na nova.
  arquivo = await ca(velha, nova);
  await grupo.recomecarUmAUm();
  await cliente.trocar(doCliente());
  await cliente.andar();
  await usar(nova);
  await grupo.recomecarUmAUm();
  await cliente.andar();
  arquivo = await ca(nova);
  await grupo.recomecarUmAUm();
  await cliente.trocar(doCliente());
  await cliente.andar();
  await cliente.parar();

  await conferir(grupo.enderecos, { tls: { ca: nova.ca } }, cliente);
  await using atrasado = new Cliente(grupo.enderecos, {
    seguranca: { tls: { ca: velha.ca } },
    repetir: false,
  });
  await assertRejects(() => atrasado.get("k"), Error, "--tls-ca");
  assert(!cliente.erros.some((erro) => /certificado|autoridade/.test(erro)), cliente.erros.join());
});
