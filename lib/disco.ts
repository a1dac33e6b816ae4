/**
 * Uma tabela de `key`, `value` e `timestamp` em disco: um arquivo SQLite, trancado contra um
 * segundo processo, com uma transação sincronizada para tudo o que estiver à espera.
 *
 * ```ts
 * import { abrirDisco } from "./disco.ts";
 *
 * const pasta = await Deno.makeTempDir();
 * const gravado = Promise.withResolvers<number>();
 * const disco = await abrirDisco(pasta, { aoGravar: gravado.resolve, aoFalhar: () => {} });
 * disco.gravar([{ key: "cor", value: "azul", timestamp: 7 }], 7, 0);
 * if (await gravado.promise !== 7) throw new Error("confirmou outra coisa");
 * disco.fechar();
 * const outro = await abrirDisco(pasta, { aoGravar: () => {}, aoFalhar: () => {} });
 * if (outro.ler(10)[0]?.value !== "azul") throw new Error("não ficou gravado");
 * outro.fechar();
 * await Deno.remove(pasta, { recursive: true });
 * ```
 *
 * @module
 */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import { citar, textoDoErro } from "./texto.ts";

/** Nome do arquivo na pasta de dados. */
const ARQUIVO = "tabela.sqlite";

/** O arquivo que se tranca, ao lado: o sistema solta a tranca se o processo morre. */
const TRANCA = "tranca";

/** Marca do nosso arquivo no cabeçalho SQLite (application_id): "KVrp". */
const APLICACAO = 0x4b567270;

/** Espera até tentar de novo gravar num disco que falhou (cheio, por exemplo), em milissegundos. */
const DE_NOVO_MS = 1_000;

/** Uma linha da tabela. */
export interface Linha {
  readonly key: string;
  readonly value: string;
  /** Inteiro ≥ 1. */
  readonly timestamp: number;
}

/** A tabela em disco; ver {@linkcode abrirDisco}. */
export interface Disco {
  /** A maior reserva gravada; zero, nenhuma. */
  readonly reserva: number;
  /** As próximas linhas que já havia, em ordem de timestamp; nenhuma, acabaram. */
  ler(quantas: number): Linha[];
  /**
   * Põe linhas na fila do que se grava, e uma reserva (zero, nenhuma); `ate` é o que se
   * confirma quando isto, e tudo o que veio antes, estiver sincronizado.
   */
  gravar(linhas: readonly Linha[], ate: number, reserva: number): void;
  /** Grava o que está na fila, e fecha. */
  fechar(): void;
}

/** O que o disco avisa. */
export interface AvisosDoDisco {
  /** Está sincronizado tudo até aqui. */
  aoGravar(ate: number): void;
  /** Por que não grava; vazio, voltou a gravar. Enquanto isso a fila fica, e tenta-se de novo. */
  aoFalhar(motivo: string): void;
}

/**
 * Abre (ou cria) a pasta de dados, trancada contra um segundo processo. Qualquer ferramenta
 * SQLite pode ler a tabela, e copiá-la, enquanto isso.
 *
 * @throws {Error} se ela não pode ser usada; o que há nela fica como estava.
 */
export async function abrirDisco(pasta: string, avisos: AvisosDoDisco): Promise<Disco> {
  let tranca: Deno.FsFile | undefined;
  let banco: DatabaseSync | undefined;
  try {
    const { DatabaseSync } = await import("node:sqlite");
    Deno.mkdirSync(pasta, { recursive: true });
    tranca = trancar(`${pasta}/${TRANCA}`);
    banco = new DatabaseSync(`${pasta}/${ARQUIVO}`);
    conferir(banco);
    preparar(banco);
    return abrirFila(banco, tranca, avisos);
  } catch (cause) {
    banco?.close();
    tranca?.close();
    throw new Error(`Não é possível usar a pasta ${citar(pasta)}: ${motivoDoDisco(cause)}`, {
      cause,
    });
  }
}

/** Tranca um arquivo até que seja fechado. @throws {Error} se outro processo o tem. */
function trancar(caminho: string): Deno.FsFile {
  const arquivo = Deno.openSync(caminho, { create: true, write: true, read: true });
  if (arquivo.tryLockSync(true)) return arquivo;
  arquivo.close();
  throw new Error("está em uso por outro servidor");
}

/** Confere, antes de escrever nele, que o banco é novo ou é um dos nossos e está inteiro. */
function conferir(banco: DatabaseSync): void {
  const { application_id: aplicacao } = banco.prepare("PRAGMA application_id").get()!;
  const { tabelas } = banco.prepare("SELECT count(*) AS tabelas FROM sqlite_schema").get()!;
  if (aplicacao !== APLICACAO && tabelas !== 0) {
    throw new Error(`${ARQUIVO} é um banco SQLite de outro programa`);
  }
  const { quick_check: laudo } = banco.prepare("PRAGMA quick_check(1)").get()!;
  if (laudo !== "ok") throw new Error(`${ARQUIVO} está danificado: ${laudo}`);
}

/**
 * WAL: uma sincronização por transação; FULL: COMMIT só volta depois dela. A tabela é ordenada
 * por key, e não por timestamp: assim gravar mexe numa árvore só, não em duas.
 */
function preparar(banco: DatabaseSync): void {
  banco.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA busy_timeout = 1000;
    BEGIN EXCLUSIVE;
    PRAGMA application_id = ${APLICACAO};
    CREATE TABLE IF NOT EXISTS tabela (
      key TEXT PRIMARY KEY, timestamp INTEGER NOT NULL, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS estado (reserva INTEGER NOT NULL);
    INSERT INTO estado SELECT 0 WHERE NOT EXISTS (SELECT * FROM estado);
    COMMIT`);
}

/** O que espera para ser gravado, e quem o grava. */
function abrirFila(banco: DatabaseSync, tranca: Deno.FsFile, avisos: AvisosDoDisco): Disco {
  const gravarLinha = banco.prepare(
    "INSERT OR REPLACE INTO tabela (timestamp, key, value) VALUES (?, ?, ?)",
  );
  const gravarReserva = banco.prepare("UPDATE estado SET reserva = max(reserva, ?)");
  const antigas = lerTabela(banco.prepare("SELECT * FROM tabela ORDER BY timestamp"));
  const { reserva } = banco.prepare("SELECT reserva FROM estado").get()!;
  const fila = { linhas: [] as Linha[], ate: 0, reserva: 0, marcada: false };
  let [falhou, fechado] = [false, false];

  /** Grava a fila inteira numa transação; se o disco falha, ela fica para a próxima tentativa. */
  function gravarFila() {
    try {
      banco.exec("BEGIN IMMEDIATE");
      for (const { key, value, timestamp } of fila.linhas) {
        gravarLinha.run(timestamp, paraDisco(key), paraDisco(value));
      }
      if (fila.reserva > 0) gravarReserva.run(fila.reserva);
      banco.exec("COMMIT");
    } catch (erro) {
      if (banco.isTransaction) banco.exec("ROLLBACK");
      falhou = true;
      avisos.aoFalhar(`não é possível gravar: ${motivoDoDisco(erro)}`);
      return marcar(DE_NOVO_MS);
    }
    // COMMIT voltou com tudo sincronizado (synchronous=FULL): só agora se confirma.
    fila.linhas = [];
    fila.reserva = 0;
    if (falhou) avisos.aoFalhar("");
    falhou = false;
    avisos.aoGravar(fila.ate);
  }

  /** Marca uma gravação, na próxima volta ou depois de uma espera. */
  function marcar(ms: number) {
    if (fila.marcada) return;
    fila.marcada = true;
    const gravar = () => {
      fila.marcada = false;
      if (!fechado) gravarFila();
    };
    if (ms > 0) setTimeout(gravar, ms);
    else setImmediate(gravar);
  }

  return {
    reserva: Number(reserva),
    ler(quantas) {
      const linhas: Linha[] = [];
      while (linhas.length < quantas) {
        const { value: linha, done } = antigas.next();
        if (done) break;
        linhas.push(linha);
      }
      return linhas;
    },
    gravar(linhas, ate, reserva) {
      for (const linha of linhas) fila.linhas.push(linha);
      fila.ate = Math.max(fila.ate, ate);
      fila.reserva = Math.max(fila.reserva, reserva);
      marcar(0);
    },
    fechar() {
      if (fila.marcada) gravarFila();
      fechado = true;
      banco.close();
      tranca.close();
    },
  };
}

/** As linhas de uma tabela, sem as ter todas na memória. */
function* lerTabela(consulta: StatementSync): Generator<Linha> {
  for (const { key, value, timestamp } of consulta.iterate()) {
    yield { key: doDisco(key), value: doDisco(value), timestamp: Number(timestamp) };
  }
}

/** Nossas palavras para os erros de disco mais comuns. */
function motivoDoDisco(erro: unknown): string {
  const texto = textoDoErro(erro);
  if (/locked/.test(texto)) return `outro programa tem ${ARQUIVO} trancado`;
  if (/malformed|not a database/.test(texto)) return `${ARQUIVO} está danificado: ${texto}`;
  if (/disk is full/.test(texto)) return "o disco está cheio";
  if (/readonly/.test(texto)) return "sem permissão de escrita";
  if (/unable to open/.test(texto)) return `não foi possível abrir ${ARQUIVO}`;
  return texto;
}

// node:sqlite corta um texto no primeiro NUL: o que o tem é guardado como BLOB, em UTF-8.

function paraDisco(texto: string): string | Uint8Array {
  return texto.includes("\0") ? new TextEncoder().encode(texto) : texto;
}

function doDisco(valor: unknown): string {
  return valor instanceof Uint8Array
    ? new TextDecoder("utf-8", { ignoreBOM: true }).decode(valor)
    : String(valor);
}
